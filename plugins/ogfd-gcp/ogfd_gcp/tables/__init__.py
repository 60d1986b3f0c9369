"""What Google Cloud's own data does not say: where regions are, and what kind of thing services are."""
