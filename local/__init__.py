"""The local runner: emulator, simulator, build, deploy, keys and the demo, on this machine only."""
