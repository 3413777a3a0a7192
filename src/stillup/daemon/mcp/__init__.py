"""What assistants are told over the Model Context Protocol."""
