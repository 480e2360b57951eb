/** Our record schemas as a registry has them: by topic and record name, as Confluent's `TopicRecordNameStrategy` names subjects. */

import { canonicalJson } from '../codec/canonical-hash.ts'
import { schemaIdOf } from '../codec/wire.ts'
import type { Json } from '../json.ts'
import { RECORDS, type RecordKind } from '../records/index.ts'
import { POOLS, type Topic } from '../topics.ts'

export interface OwnSchema {
  readonly kind: RecordKind
  /** The fixed id, see `codec/wire.ts`. */
  readonly id: number
  /** `<prefix><topic>-beamline.<kind>` */
  readonly subject: string
  /** Avro, as JSON text. */
  readonly schema: string
}

/** One for each record kind and topic that it is on. */
export function ownSchemas(topicPrefix: string): readonly OwnSchema[] {
  return Object.entries(RECORDS).flatMap(([number, { kind, type }]) => {
    const schema = canonicalJson(type.schema({ exportAttrs: true }) as unknown as Json)
    return topicsOf(Number(number)).map((topic) => ({
      kind,
      id: schemaIdOf(kind),
      subject: subjectOf(topicPrefix, topic, kind),
      schema,
    }))
  })
}

export function subjectOf(topicPrefix: string, topic: Topic, kind: RecordKind): string {
  return `${topicPrefix}${topic}-beamline.${kind}`
}

/** A cancel that follows its submission is on `ingest` too. */
const CANCEL_RUN = 31

function topicsOf(number: number): readonly Topic[] {
  if (number === CANCEL_RUN) return ['result', 'ingest']
  if (number < 10) return ['ingest']
  if (number < 20) return ['route']
  if (number < 30) return POOLS.map((pool) => `execute.${pool}` as const)
  if (number < 40) return ['result']
  if (number < 50) return ['dlq']
  if (number < 60) return ['control']
  return number < 90 ? ['events'] : ['replies']
}
