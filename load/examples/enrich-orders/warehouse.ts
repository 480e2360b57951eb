/** A PostgreSQL server with the tables of the SQL file it is given; its address is on the first line. */
import { readFileSync } from 'node:fs'
import { Client } from 'pg'
import { startPostgres } from '../../postgres/cluster.ts'
import { announce } from '../serve.ts'

const [file = ''] = process.argv.slice(2)
const cluster = await startPostgres()
const client = new Client({ connectionString: cluster.url })
await client.connect()
await client.query(readFileSync(file, 'utf8'))
await client.end()
announce(cluster.url, () => cluster.stop())
