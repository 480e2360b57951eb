/**
 * What cannot be mended must be said: the changelog of a deployment at rest is flipped on the brokers' disks, and then deleted. A process that is started on it
 * must not become ready, nor decide anything.
 */
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { NODES } from './cluster.ts'
import type { Member } from './fleet.ts'
import type { Stage } from './stage.ts'

const SAYS_WITHIN_MS = 180_000
/** So long it must stay so. */
const STAYS_MS = 3_000
const BATCH_HEADER_BYTES = 61

/** Answers what was wrong. */
export async function ruin(stage: Stage): Promise<readonly string[]> {
  const wrong: string[] = []
  const victim = stage.fleet.of('tasks')[0]!
  for (const { folder } of stage.fleet.of('tasks')) rmSync(join(folder, 'snapshots'), { recursive: true, force: true })
  const before = await lastEvents(stage)

  flip(stage)
  stage.struck.count('changelog flipped')
  wrong.push(...(await refuses(stage, victim, /the checksum of the batch does not fit its bytes/)))

  await stage.cluster.client.admin.deleteTopics({ topics: [stage.names.changelog] })
  stage.struck.count('changelog deleted')
  wrong.push(...(await refuses(stage, victim, /it was deleted or cut, and with it state/)))

  const after = await lastEvents(stage)
  if (after !== before) wrong.push(`a task without its state has decided something: ${before} became ${after}`)
  return wrong
}

/** Starts it and waits for the words. */
async function refuses({ fleet, say }: Stage, victim: Member, words: RegExp): Promise<readonly string[]> {
  fleet.restart(victim)
  const until = performance.now() + SAYS_WITHIN_MS
  let wasReady = false
  while (!words.test(victim.process.output) && victim.process.running && performance.now() < until) {
    wasReady ||= await victim.process.isReady()
    await pause(100)
  }
  const said = words.test(victim.process.output)
  const stays = performance.now() + STAYS_MS
  while (victim.process.running && performance.now() < stays) {
    wasReady ||= await victim.process.isReady()
    await pause(100)
  }
  await fleet.kill(victim)
  if (said) say(`${victim.name} refused: ${words.source}`)
  return [
    ...(said ? [] : [`${victim.name} did not say ${words}:\n${victim.process.output.slice(-1_500)}`]),
    ...(wasReady ? [`${victim.name} was ready although state is gone (${words})`] : []),
  ]
}

/** One bit in the first records of the changelog of every task, in every replica. */
function flip({ cluster, names }: Stage): void {
  for (const node of NODES) {
    const log = join(cluster.kafka.folder, `node-${node}`, 'log')
    for (const name of readdirSync(log).filter((each) => isChangelog(each, names.changelog))) {
      const segment = readdirSync(join(log, name)).find((file) => file.endsWith('.log'))
      if (segment === undefined) continue
      const file = join(log, name, segment)
      if (statSync(file).size <= BATCH_HEADER_BYTES) continue
      const bytes = readFileSync(file)
      bytes[BATCH_HEADER_BYTES + 3]! ^= 0x10
      writeFileSync(file, bytes, { flag: 'r+' })
    }
  }
}

function isChangelog(folder: string, topic: string): boolean {
  return folder.startsWith(`${topic}-`) && /^\d+$/.test(folder.slice(topic.length + 1))
}

/**
 * The last event of each partition. Not its end: a process that is killed may leave a transaction open, and whoever starts next writes the end of that
 * without having decided anything.
 */
async function lastEvents({ cluster, names, partitions }: Stage): Promise<string> {
  const places = Array.from({ length: partitions }, (_, partition) => ({ topic: names.topic('events'), partition }))
  const [firsts, ends] = await Promise.all([
    cluster.client.listOffsets(places, 'first'),
    cluster.client.listOffsets(places, 'end'),
  ])
  const fetcher = cluster.client.createFetcher()
  try {
    const last = places.map(async (place) => {
      const key = `${place.topic}/${place.partition}`
      const feed = fetcher.add(place, firsts.get(key)!)
      let offset = -1
      while (feed.position < ends.get(key)!) {
        offset = feed.poll(1_000).at(-1)?.offset ?? offset
        await pause(1)
      }
      return offset
    })
    return (await Promise.all(last)).join(', ')
  } finally {
    await fetcher.close()
  }
}
