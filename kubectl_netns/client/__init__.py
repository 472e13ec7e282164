"""The workstation's side. Nothing here reads a kernel table or makes text for people; nothing here imports the agent."""
