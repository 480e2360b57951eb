/** Records from three systems are produced to the topic `ingest`, cleaned and delivered. One that lacks what matters is patched and replayed. */
import { fileURLToPath } from 'node:url'
import type { Json } from '../../../schemas/json.ts'
import type { Example } from '../example.ts'
import type { RunOf, Stage } from '../stage.ts'
import { tableOf } from '../table.ts'

export interface Contact {
  readonly id: string
  readonly name: string
  readonly email: string
  readonly phone: string | null
  readonly born: string | null
  readonly spent_cents: number
  readonly newsletter: boolean
  readonly tags: readonly string[]
}

export interface JsonCleanUpResult {
  /** What the service says to each record as it came. */
  readonly unclean: readonly number[]
  readonly runs: readonly RunOf<unknown>[]
  readonly replayed: readonly RunOf<Contact>[]
  /** What the service has in the end, by id. */
  readonly contacts: readonly Contact[]
}

const FLOW = 'clean-contact'
const PATCH = { person: { mail: 'sofja@example.org' } }

export const jsonCleanUp: Example<JsonCleanUpResult> = {
  name: 'json-clean-up',
  about: 'clean JSON from three systems with scripts and JMESPath; patch and replay the record that lacks something',
  play: async (stage) => {
    const schema = fileURLToPath(stage.file('contact.schema.json'))
    const service = await stage.standIn('the contact service', 'json-clean-up/contact-service.ts', [schema])
    await stage.start()
    await stage.publish('clean-contact.yaml', { contacts: service.url })

    const records = stage.lines<Json>('contacts.jsonl')
    const unclean = await Promise.all(records.map((record) => statusOf(`${service.url}/contacts/0`, record)))
    stage.say(
      `as they are, the service takes ${unclean.filter((status) => status === 200).length} of ${records.length}`,
    )

    const runs = await produce(stage, records)
    const failed = runs.filter(({ status }) => status === 'failed')
    stage.say(`cleaned: ${runs.length - failed.length} delivered, ${failed.length} failed`)
    for (const { error } of failed) stage.say(`  ${error?.code}: ${error?.message}`)
    const replayed = await stage.replay<Contact>(FLOW, 'she told us her address', PATCH)
    stage.say(`  replayed with the patch ${JSON.stringify(PATCH)}: ${replayed.map(({ status }) => status)}`)

    const contacts = (await service.json<Contact[]>('/contacts')).sort((a, b) => Number(a.id) - Number(b.id))
    stage.say(`\nDelivered:\n${shown(contacts)}`)
    return { unclean, runs, replayed, contacts }
  },
}

/** Appends the submissions to the topic, as any producer may, and waits for the ends of the runs. */
async function produce(stage: Stage, records: readonly Json[]): Promise<readonly RunOf<unknown>[]> {
  const submissions = records.map((input, at) => ({ flow: FLOW, input, idempotency_key: `contacts.jsonl:${at + 1}` }))
  const { appended } = await stage.client.publishRecords({
    params: { topic: 'ingest' },
    body: submissions.map((submission) => JSON.stringify(submission)).join('\n'),
  })
  stage.say(`${appended} records were appended to the topic ingest`)
  const ids = await stage.eventually('there is a run of each record', async () => {
    const { runs } = await stage.client.listRuns({ query: { flow: FLOW, order: 'oldest' } })
    return runs.length === records.length ? runs.map(({ run_id }) => run_id) : null
  })
  return Promise.all(ids.map((id) => stage.ended(id)))
}

async function statusOf(url: string, record: Json): Promise<number> {
  const response = await fetch(url, { method: 'PUT', body: JSON.stringify(record) })
  await response.arrayBuffer()
  return response.status
}

function shown(contacts: readonly Contact[]): string {
  return tableOf(
    ['id', 'name', 'email', 'phone', 'born', 'spent', 'news', 'tags'],
    contacts.map(({ id, name, email, phone, born, spent_cents, newsletter, tags }) => [
      id,
      name,
      email,
      phone ?? '',
      born ?? '',
      (spent_cents / 100).toFixed(2),
      newsletter ? 'yes' : 'no',
      tags.join(' '),
    ]),
  )
}
