"""The stream ``cost``: Cloud Billing exports, standard, detailed and FOCUS."""
