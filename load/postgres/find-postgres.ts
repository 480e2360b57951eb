/** The programs of a PostgreSQL server on this machine. */
import { constants } from 'node:fs'
import { access, readdir } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

const PROGRAMS = ['initdb', 'postgres'] as const
/** Where packages of Debian, Red Hat and Homebrew put versions beside each other. */
const VERSIONED = ['/usr/lib/postgresql', '/usr/pgsql', '/opt/homebrew/opt', '/usr/local/opt']

/** The folder with `initdb` and `postgres`, of the newest version where there are several; `null` if there is none. */
export async function findPostgres(): Promise<string | null> {
  const folders: string[] = []
  for (const root of VERSIONED) {
    const names = await readdir(root).catch(() => [])
    const numbered = names.map((name) => ({ name, version: Number(/\d+/.exec(name)?.[0] ?? 0) }))
    folders.push(...numbered.sort((a, b) => b.version - a.version).map(({ name }) => join(root, name, 'bin')))
  }
  folders.push(...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''))
  for (const folder of folders) if (await hasPrograms(folder)) return folder
  return null
}

async function hasPrograms(folder: string): Promise<boolean> {
  const found = PROGRAMS.map((program) => access(join(folder, program), constants.X_OK))
  return Promise.all(found).then(
    () => true,
    () => false,
  )
}
