import { sizeOfRecord } from './batch.ts'
import type { Connections } from './connection.ts'
import { KafkaClientError, type KafkaRecord } from './contract.ts'
import { topicSetting } from './requests/configs.ts'

/** Says how large the record is and what the topic allows, as far as the broker tells. */
export async function recordTooLarge(
  record: KafkaRecord,
  connections: Connections,
  cause: unknown,
): Promise<KafkaClientError> {
  const setting = 'max.message.bytes'
  const limit = await connections
    .anyBroker()
    .then((broker) => broker.send(topicSetting(record.topic, setting), { timeoutMs: 2_000 }))
    .catch(() => null)
  const allowed = limit === null ? `its ${setting} allows` : `the ${limit} that its ${setting} allows`
  return new KafkaClientError(
    'RECORD_TOO_LARGE',
    `a record of ${sizeOfRecord(record)} bytes for ${record.topic}/${record.partition} is more, packed, than ${allowed}`,
    { cause },
  )
}
