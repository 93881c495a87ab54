"""From detector strain to the picture that Gravity Spy draws."""
