"""What all exports of AWS to S3 have in common: where they lie, manifests, deliveries, reading."""
