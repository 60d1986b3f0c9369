"""AWS connector of ogfd."""
