/** The jars of an Apache Kafka version: from Maven, once, into the user's cache folder. */
import { access, mkdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand } from './run-command.ts'

/** The newest version whose artifacts are complete. */
export const NEWEST_KAFKA = '4.3.1'
/** The oldest that is tested. */
export const OLDEST_KAFKA = '3.9.2'

const POM = fileURLToPath(new URL('./pom.xml', import.meta.url))
const FETCH_WITHIN_MS = 300_000

/** Resolves to the folder with the jars of the version. @throws if Maven or Java is missing, or the version cannot be fetched */
export async function kafkaJars(version: string): Promise<string> {
  const folder = jarsFolder(version)
  if (await exists(folder)) return folder
  const part = `${folder}.part-${process.pid}`
  await mkdir(part, { recursive: true })
  try {
    await fetchInto(part, version)
    await rename(part, folder)
  } catch (error) {
    // another process may have fetched them meanwhile
    if (!(await exists(folder))) throw error
  } finally {
    await rm(part, { recursive: true, force: true })
  }
  return folder
}

/** `null` if a local broker of the version can be started, else what is missing. */
export async function missingForKafka(version: string): Promise<string | null> {
  if (!(await runs(javaCommand(), '-version'))) return 'Java 17 or newer (`java` was not found)'
  if (await exists(jarsFolder(version))) return null
  return (await runs('mvn', '--version')) ? null : 'Maven (`mvn` was not found), which fetches the jars of Kafka'
}

/** The Java to start; `JAVA_HOME` decides if set. */
export function javaCommand(): string {
  const home = process.env['JAVA_HOME']
  return home === undefined || home === '' ? 'java' : join(home, 'bin', 'java')
}

function jarsFolder(version: string): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  return join(cache, 'beamline', 'kafka', version)
}

async function fetchInto(folder: string, version: string): Promise<void> {
  const args = ['-q', '-B', '-f', POM, 'dependency:copy-dependencies', '-DincludeScope=runtime']
  args.push(`-Dkafka.version=${version}`, `-DoutputDirectory=${folder}`)
  const result = await runCommand('mvn', args, { timeoutMs: FETCH_WITHIN_MS }).catch((error: unknown) => {
    throw new Error('the jars of Kafka are fetched by Maven, but `mvn` cannot be started; install Maven and Java 17', {
      cause: error,
    })
  })
  if (result.code === 0) return
  throw new Error(`mvn could not fetch Kafka ${version} (exit code ${result.code}):\n${result.stdout}${result.stderr}`)
}

async function runs(command: string, argument: string): Promise<boolean> {
  return runCommand(command, [argument], { timeoutMs: 60_000 }).then(
    ({ code }) => code === 0,
    () => false,
  )
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
