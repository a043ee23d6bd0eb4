// Says which pod answers, and as which user it runs.
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const server = createServer((_request, response) => response.end(`${hostname()} ${process.getuid()}`));
server.listen(8080, () => console.log('greeter listens'));
process.on('SIGTERM', () => process.exit());
