"""TensorDock v2: locations, host nodes and virtual machines in its real wire format."""
