"""The change is a rotation: W turns, and lengths and angles within it stay (nearly) as they are."""
