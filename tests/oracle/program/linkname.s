// Empty on purpose: with an assembly file in the package Go accepts a function without a body (devices_manager in version_*.go).
