"""What an error means: provider code first, status second, exception type third."""
