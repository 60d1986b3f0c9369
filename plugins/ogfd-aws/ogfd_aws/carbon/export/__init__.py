"""The carbon footprint that AWS reports, from its export ``CARBON_EMISSIONS`` to S3."""
