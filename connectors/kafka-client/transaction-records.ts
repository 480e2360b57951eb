/** Writing the records of one transaction, each partition's in order, to all leaders at once. */
import { MAX_BATCH_BYTES, sizeOfRecord } from './batch.ts'
import type { Broker, Connections } from './connection.ts'
import type { KafkaRecord } from './contract.ts'
import type { Insistence } from './insist.ts'
import { ProtocolError } from './protocol-error.ts'
import { type ProduceAnswer, type ProduceOptions, produce } from './requests/produce.ts'
import { recordTooLarge } from './too-large.ts'

interface Piece {
  readonly records: readonly KafkaRecord[]
  /** Place of each record among all of the transaction. */
  readonly indexes: readonly number[]
}

/** What is still to be written to one partition, in order. */
interface Lane {
  readonly topic: string
  readonly partition: number
  readonly pieces: Piece[]
}

/** Number of the next record to each partition; the broker accepts them in order and drops what it has already. */
export type Sequences = Map<string, number>

/**
 * Answers the offsets in order. A batch is repeated with its sequence number, so it is written once whatever happens to the answer.
 * @throws {KafkaClientError} `RECORD_TOO_LARGE`; else what the last attempt threw
 */
export async function writeRecords(
  records: readonly KafkaRecord[],
  options: ProduceOptions,
  sequences: Sequences,
  connections: Connections,
  insistence: Insistence,
): Promise<readonly number[]> {
  const offsets = new Array<number>(records.length).fill(-1)
  let lanes = lanesOf(records)
  for (let tries = 1; lanes.length > 0; tries++) {
    const failures: unknown[] = []
    const byLeader = new Map<Broker, Lane[]>()
    for (const lane of lanes) {
      try {
        const leader = await connections.leader(lane.topic, lane.partition)
        byLeader.get(leader)?.push(lane) ?? byLeader.set(leader, [lane])
      } catch (error) {
        failures.push(error)
      }
    }
    await Promise.all(
      [...byLeader].map(async ([leader, ofLeader]) => {
        const batches = ofLeader.map((lane) => nextBatch(lane, sequences))
        try {
          const answers = await leader.send(produce(batches, options), insistence.sendOptions)
          failures.push(...settle(ofLeader, answers, sequences, offsets))
        } catch (error) {
          failures.push(error)
        }
      }),
    )
    lanes = lanes.filter((lane) => lane.pieces.length > 0)
    await endRound(failures, lanes, tries, connections, insistence)
  }
  return offsets
}

function lanesOf(records: readonly KafkaRecord[]): Lane[] {
  const lanes = new Map<string, { lane: Lane; bytes: number; piece: { records: KafkaRecord[]; indexes: number[] } }>()
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    const { topic, partition } = record
    const key = `${topic}/${partition}`
    const bytes = sizeOfRecord(record)
    let open = lanes.get(key)
    if (open === undefined) {
      const piece = { records: [], indexes: [] }
      open = { lane: { topic, partition, pieces: [piece] }, bytes: 0, piece }
      lanes.set(key, open)
    } else if (open.bytes + bytes > MAX_BATCH_BYTES) {
      open.piece = { records: [], indexes: [] }
      open.lane.pieces.push(open.piece)
      open.bytes = 0
    }
    open.bytes += bytes
    open.piece.records.push(record)
    open.piece.indexes.push(index)
  }
  return [...lanes.values()].map(({ lane }) => lane)
}

function nextBatch({ topic, partition, pieces }: Lane, sequences: Sequences) {
  const baseSequence = sequences.get(`${topic}/${partition}`) ?? 0
  return { topic, partition, records: pieces[0]!.records, baseSequence }
}

/** Takes what was written off the lanes; answers the refusals. */
function settle(
  lanes: readonly Lane[],
  answers: readonly ProduceAnswer[],
  sequences: Sequences,
  offsets: number[],
): ProtocolError[] {
  const refusals: ProtocolError[] = []
  const byPartition = new Map(answers.map((answer) => [`${answer.topic}/${answer.partition}`, answer]))
  for (const lane of lanes) {
    const key = `${lane.topic}/${lane.partition}`
    const answer = byPartition.get(key)
    if (answer === undefined || answer.errorCode !== 0) {
      refusals.push(new ProtocolError(answer?.errorCode ?? -1, 'Produce', key, answer?.errorMessage))
      continue
    }
    const piece = lane.pieces.shift()!
    for (let at = 0; at < piece.indexes.length; at++) offsets[piece.indexes[at]!] = answer.baseOffset + at
    sequences.set(key, ((sequences.get(key) ?? 0) + piece.records.length) % 2 ** 31)
  }
  return refusals
}

/** Cuts what was too large, waits if something passing went wrong, throws if it was something else. */
async function endRound(
  failures: readonly unknown[],
  lanes: readonly Lane[],
  tries: number,
  connections: Connections,
  insistence: Insistence,
): Promise<void> {
  for (const error of failures) {
    if (error instanceof ProtocolError && error.reaction === 'large') {
      const lane = lanes.find(({ topic, partition }) => `${topic}/${partition}` === error.subject)!
      const [piece] = lane.pieces
      if (piece!.records.length === 1) throw await recordTooLarge(piece!.records[0]!, connections, error)
      lane.pieces.splice(0, 1, ...halves(piece!))
    } else await insistence.sitOut(error, tries)
  }
}

/** A refused batch was not written, so its sequence numbers are free for its halves. */
function halves({ records, indexes }: Piece): Piece[] {
  const middle = Math.ceil(records.length / 2)
  return [
    { records: records.slice(0, middle), indexes: indexes.slice(0, middle) },
    { records: records.slice(middle), indexes: indexes.slice(middle) },
  ]
}
