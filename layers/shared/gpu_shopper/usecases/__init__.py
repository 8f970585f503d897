"""The imperative shell: load, decide in the core, act, save guarded."""
