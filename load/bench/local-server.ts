/** What the `io` benchmark calls: answers every request with a little JSON. Prints its port. */
import { createServer } from 'node:http'

// whoever started it is gone
process.stdin.resume().on('end', () => process.exit())

const body = JSON.stringify({ order: 'A-17', lines: [{ sku: 'x-1', qty: 3 }], state: 'open' })
const server = createServer((request, response) => {
  request.resume()
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) console.log(String(address.port))
})
