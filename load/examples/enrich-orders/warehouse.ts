/**
 * A database with the tables of the SQL file it is given; its address is on the first line. It is PostgreSQL where this machine has it, and else a server that
 * speaks its protocol and keeps its tables in SQLite, which also `--stand-in` asks for.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Client } from 'pg'
import { startPostgres } from '../../postgres/cluster.ts'
import { findPostgres } from '../../postgres/find-postgres.ts'
import { announce } from '../serve.ts'
import { serveClient } from './postgres-wire.ts'
import { sqliteEngine } from './sqlite-engine.ts'

const [file = '', choice = ''] = process.argv.slice(2)
const tables = readFileSync(file, 'utf8')
if (choice === '--stand-in' || (await findPostgres()) === null) await serveStandIn()
else await servePostgres()

async function servePostgres(): Promise<void> {
  const cluster = await startPostgres()
  const client = new Client({ connectionString: cluster.url })
  await client.connect()
  await client.query(tables)
  await client.end()
  announce(cluster.url, () => cluster.stop())
}

async function serveStandIn(): Promise<void> {
  const engine = sqliteEngine(tables)
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.once('close', () => sockets.delete(socket)))
    serveClient(socket, engine)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  announce(`postgres://beamline@127.0.0.1:${port}/postgres`, async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
}
