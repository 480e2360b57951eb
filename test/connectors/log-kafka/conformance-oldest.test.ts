import { describe } from 'vitest'
import { OLDEST_KAFKA } from '../../../load/kafka/jars.ts'
import { describeWithCluster } from '../../support/kafka.ts'
import { testKafkaVersion } from '../../support/kafka-offer.ts'
import { kafkaConformance } from './kafka-conformance.ts'

const NAME = `the log on Kafka ${OLDEST_KAFKA}`

// the other version of the two that are promised; elsewhere one of them is enough
if (process.env['CI'] !== 'true' || testKafkaVersion() === OLDEST_KAFKA) describe.skip(NAME)
else {
  await describeWithCluster(NAME, { version: OLDEST_KAFKA }, (cluster) => {
    kafkaConformance(`kafka ${OLDEST_KAFKA}`, () => cluster().bootstrap)
  })
}
