"""Legacy Cost and Usage Reports: found in a bucket, read by column, mapped to activities."""
