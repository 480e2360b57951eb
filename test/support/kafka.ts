/** For tests that want a real Kafka. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, inject } from 'vitest'
import { type KafkaCluster, type KafkaClusterOptions, startKafka } from '../../load/kafka/cluster.ts'
import { kafkaJars, missingForKafka } from '../../load/kafka/jars.ts'
import { java } from '../../load/kafka/node.ts'
import type { CommandOptions, CommandResult } from '../../load/kafka/run-command.ts'
import { type KafkaAnswer, testKafkaVersion } from './kafka-offer.ts'

export interface TestKafka {
  readonly bootstrap: readonly string[]
  readonly version: string
  /** A name nobody else uses, on a Kafka that other tests use at the same time: for topics, groups and transactional ids. */
  unique(stem: string): string
  /** Runs one of Kafka's own command line classes (see `load/kafka/console-tools.ts`). */
  tool(className: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>
}

/**
 * A `describe` whose tests share the run's Kafka; to be awaited at the top of the file. Where none can be had the tests are skipped, with `CI=true` they fail.
 */
export async function describeWithKafka(name: string, body: (kafka: TestKafka) => void): Promise<void> {
  const answer = (await (await fetch(inject('kafkaService'))).json()) as KafkaAnswer
  if ('failed' in answer) throw new Error(`the Kafka for tests could not be started: ${answer.failed}`)
  if ('missing' in answer) return skip(name, answer.missing, () => body(testKafka([], '')))
  describe(name, () => body(testKafka(answer.bootstrap, answer.version)))
}

/** A `describe` with a cluster of its own, for tests that kill nodes or want other settings; `cluster()` is for hooks and tests. */
export async function describeWithCluster(
  name: string,
  options: KafkaClusterOptions,
  body: (cluster: () => KafkaCluster) => void,
): Promise<void> {
  const version = options.version ?? testKafkaVersion()
  const missing = await missingForKafka(version)
  let cluster: KafkaCluster | null = null
  const get = (): KafkaCluster => {
    if (cluster === null) throw new Error('the cluster is there for hooks and tests only')
    return cluster
  }
  if (missing !== null) return skip(name, missing, () => body(get))
  describe(name, () => {
    beforeAll(async () => {
      cluster = await startKafka({ ...options, version })
    })
    afterAll(() => cluster?.stop())
    body(get)
  })
}

/** A `describe` for tests that start what they need themselves, from the jars of Kafka. */
export async function describeWithJars(name: string, body: (version: string) => void): Promise<void> {
  const version = testKafkaVersion()
  const missing = await missingForKafka(version)
  if (missing !== null) return skip(name, missing, () => body(version))
  describe(name, () => body(version))
}

function skip(name: string, missing: string, body: () => void): void {
  if (process.env['CI'] === 'true') throw new Error(`tests of '${name}' want a Kafka: ${missing} is missing`)
  console.warn(`*** SKIPPED: ${name}: no Kafka, ${missing} is missing ***`)
  describe.skip(name, body)
}

function testKafka(bootstrap: readonly string[], version: string): TestKafka {
  return {
    bootstrap,
    version,
    unique: (stem) => `${stem}-${randomBytes(5).toString('hex')}`,
    tool: async (className, args, options) => java(await kafkaJars(version), className, args, options),
  }
}
