"""A provider's API as a scripted server speaks it: Anthropic, OpenAI and Gemini in health and in every way to fail."""
