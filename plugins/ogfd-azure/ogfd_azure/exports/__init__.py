"""Cost exports of Cost Management: found in blob storage, read by column, mapped to activities."""
