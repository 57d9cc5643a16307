"""What a responder asks next about a finding, each question in a module of its own: pure, given its ports."""
