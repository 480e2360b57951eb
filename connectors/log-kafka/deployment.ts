/**
 * Whose the topics are: one record in a topic of its own, written when the deployment is created. If two processes do that at once, the first record counts
 * for both.
 */
import type { Environment } from '../../topology/environment.ts'
import { LogError } from '../../topology/log/port.ts'
import type { Fetcher, KafkaClient } from '../kafka-client/contract.ts'
import { readError, writeError } from './errors.ts'
import { readUntil } from './feeds.ts'
import type { Names } from './names.ts'
import type { KafkaLogOptions } from './options.ts'
import type { ExistingTopic } from './topics-plan.ts'

export interface Deployment {
  readonly id: string
  readonly name: string
  readonly partitions: number
}

/** Form of everything that the log keeps on the cluster: changelog keys, headers, commit metadata. Raised when an older version could not read it. */
const FORMAT = 1
const KIND = 'beamline-deployment'
const DEFAULT_NAME = 'default'

/** The deployment's record; `null` while there is none. @throws {LogError} `FOREIGN_DATA`, `LOG_NEWER` */
export async function readDeployment(client: KafkaClient, fetcher: Fetcher, names: Names): Promise<Deployment | null> {
  const place = { topic: names.deployment, partition: 0 }
  const key = `${place.topic}/0`
  try {
    const [first, end] = await Promise.all([
      client.listOffsets([place], 'first'),
      client.listOffsets([place], 'stable'),
    ])
    const from = first.get(key) ?? 0
    const to = end.get(key) ?? 0
    if (from >= to) return null
    for await (const [record] of readUntil(fetcher.add(place, from), to)) return parse(record?.value ?? null, names)
    return null
  } catch (error) {
    throw readError(error)
  }
}

function parse(value: Uint8Array | null, { deployment: topic }: Names): Deployment {
  let found: Record<string, unknown> | null = null
  try {
    found = JSON.parse(Buffer.from(value ?? []).toString()) as Record<string, unknown> | null
  } catch {
    // said below
  }
  if (found?.['kind'] !== KIND) {
    throw new LogError(
      'FOREIGN_DATA',
      `the first record of topic ${topic} is not the record of a Beamline deployment; choose another prefix`,
    )
  }
  const { format, id, name, partitions } = found
  if (typeof format !== 'number' || format > FORMAT) {
    throw new LogError(
      'LOG_NEWER',
      `the topics at ${topic} have format ${String(format)}; this version of Beamline reads ${FORMAT}: start a newer one`,
    )
  }
  return { id: String(id), name: String(name), partitions: Number(partitions) }
}

/** Writes the record unless there is one, and answers the one that counts. @throws {LogError} */
export async function createDeployment(
  client: KafkaClient,
  fetcher: Fetcher,
  names: Names,
  { environment, deployment: name = DEFAULT_NAME }: KafkaLogOptions,
  partitions: number,
): Promise<Deployment> {
  const own = { kind: KIND, format: FORMAT, id: newId(environment), name, partitions, createdMs: environment.now() }
  const record = {
    topic: names.deployment,
    partition: 0,
    key: Buffer.from('deployment'),
    value: Buffer.from(JSON.stringify(own)),
    headers: [],
  }
  try {
    await client.append([record])
  } catch (error) {
    throw writeError(error)
  }
  const counts = await readDeployment(client, fetcher, names)
  if (counts !== null) return counts
  throw new LogError('UNREACHABLE', `the record just written to ${names.deployment} cannot be read`, {
    retriable: true,
  })
}

function newId(environment: Environment): string {
  return Array.from({ length: 4 }, () => environment.randomU32().toString(16).padStart(8, '0')).join('')
}

/** @throws {LogError} `PARTITIONS_DIFFER`, `DEPLOYMENT_DIFFERS` */
export function checkDeployment(found: Deployment, names: Names, options: KafkaLogOptions): void {
  const { partitions, deployment } = options
  if (deployment !== undefined && found.name !== deployment) {
    throw new LogError(
      'DEPLOYMENT_DIFFERS',
      `the topics at prefix '${names.prefix}' belong to the deployment '${found.name}'; this one is '${deployment}': choose another prefix`,
    )
  }
  if (partitions !== undefined && found.partitions !== partitions) {
    throw new LogError(
      'PARTITIONS_DIFFER',
      `the deployment at prefix '${names.prefix}' has ${found.partitions} partitions; configured are ${partitions}. The number is chosen when a deployment is created and never changes`,
    )
  }
}

/** Topics that hold records though there is no deployment are somebody else's. Producers may have been faster with `ingest`. @throws {LogError} `FOREIGN_DATA` */
export function checkForeign(existing: ReadonlyMap<string, ExistingTopic>, names: Names): void {
  const full = [...existing.values()].filter(({ name, empty }) => !empty && name !== names.topic('ingest'))
  if (full.length === 0) return
  const list = full.map(({ name }) => name).join(', ')
  throw new LogError(
    'FOREIGN_DATA',
    `there are records in ${list}, but no deployment of Beamline at prefix '${names.prefix}': they are another application's, or ${names.deployment} was deleted. Choose another prefix, or restore that topic`,
  )
}
