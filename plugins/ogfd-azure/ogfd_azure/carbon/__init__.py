"""The emissions that Azure reports of each subscription, from Microsoft.Carbon."""
