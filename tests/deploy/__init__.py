"""What an administrator installs: manifests, unit, image and pages of deploy/."""
