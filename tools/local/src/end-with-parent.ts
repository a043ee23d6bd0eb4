// Loaded before each of the four services, which know nothing of a local run: they end when it is gone, even if it was
// killed and could not stop them.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
