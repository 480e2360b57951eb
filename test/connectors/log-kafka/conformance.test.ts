import { describeWithKafka } from '../../support/kafka.ts'
import { kafkaConformance } from './kafka-conformance.ts'

await describeWithKafka('the log on Kafka', ({ bootstrap }) => kafkaConformance('kafka', () => bootstrap))
