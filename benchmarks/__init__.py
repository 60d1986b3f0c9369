"""How fast ogfd is beside its floors and peers: `make bench`."""
