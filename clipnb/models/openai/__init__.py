"""What OpenAI's checkpoints and open_clip's in its architecture are made of: tokens, pixels, modules, configuration."""
