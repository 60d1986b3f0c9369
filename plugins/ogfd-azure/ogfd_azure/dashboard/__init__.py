"""The emissions behind the Emissions Impact Dashboard, from the Cloud for Sustainability API."""
