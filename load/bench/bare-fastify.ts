/** The yardstick of the `http` benchmark: Fastify that parses the body and answers, nothing else. Prints its port. */
import { randomUUID } from 'node:crypto'
import fastify from 'fastify'

const app = fastify({ logger: false })
app.post('/api/v1/runs', async (_request, reply) => {
  reply.code(202)
  return { run_id: randomUUID(), status: 'accepted', position: null }
})
await app.listen({ port: 0, host: '127.0.0.1' })
const address = app.server.address()
if (typeof address === 'object' && address !== null) console.log(String(address.port))
