"""Azure connector of ogfd: cost from exports and Cost Management, carbon from Microsoft.Carbon."""
