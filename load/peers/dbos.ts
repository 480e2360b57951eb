/** DBOS Transact on a private PostgreSQL cluster with fsync and synchronous_commit on: three `runStep` calls in one workflow. */
import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DBOS } from '@dbos-inc/dbos-sdk'
import { freePort } from '../process/free-ports.ts'
import { eventually, measurePeer, peerOptions } from './peer.ts'

const options = peerOptions()

await measurePeer('dbos', options, async (place) => {
  const port = await freePort()
  const bin = postgresBin()
  const account = postgresAccount()
  const data = join(place.folder, 'data')
  if (account.uid !== undefined) chownSync(place.folder, account.uid, account.gid!)
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8'], {
    ...account,
    stdio: ['ignore', 'ignore', 'inherit'],
    cwd: place.folder,
  })
  const settings = { fsync: 'on', synchronous_commit: 'on', log_min_messages: 'panic', unix_socket_directories: '' }
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  place.server(join(bin, 'postgres'), ['-D', data, '-h', '127.0.0.1', '-p', String(port), ...args], {
    ...account,
    stopSignal: 'SIGINT',
  })

  const systemDatabaseUrl = `postgresql://postgres@127.0.0.1:${port}/dbos_bench`
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl, systemDatabasePoolSize: 20, logLevel: 'error' })
  const flow = DBOS.registerWorkflow(
    async (input: object) => {
      let value = input
      for (let step = 0; step < 3; step++) value = await DBOS.runStep(async () => value, { name: `step-${step}` })
      return value
    },
    { name: 'flow' },
  )
  const ready = join(bin, 'pg_isready')
  await eventually('postgres', async () => execFileSync(ready, ['-q', '-h', '127.0.0.1', '-p', String(port)]))
  await DBOS.launch()
  return {
    async run(input) {
      const handle = await DBOS.startWorkflow(flow)(input)
      await handle.getResult()
    },
    stop: () => DBOS.shutdown(),
  }
})

/** The newest server binaries that Debian's packages put in place. */
function postgresBin(): string {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : []
  const bin = versions.map((version) => join(root, version, 'bin')).find((path) => existsSync(join(path, 'initdb')))
  if (bin === undefined) throw new Error(`no PostgreSQL server found under ${root}`)
  return bin
}

/** PostgreSQL refuses to run as root; then it runs as the user `postgres`. */
function postgresAccount(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
