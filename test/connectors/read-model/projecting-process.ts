/** A process that projects the embedded log of a folder to a database until it is ended: `node projecting-process.ts FOLDER URL`. */
import { realEnvironment as environment } from '../../../connectors/environment.ts'
import { openEmbeddedLog } from '../../../connectors/log-embedded/embedded-log.ts'
import { openPostgresReadModel } from '../../../connectors/read-model/postgres/postgres-read-model.ts'
import { PARTITIONS } from './models.ts'

const [folder, url] = process.argv.slice(2) as [string, string]
const log = await openEmbeddedLog({ folder, partitions: PARTITIONS, environment })
await openPostgresReadModel({
  environment,
  url,
  logId: log.id,
  partitions: PARTITIONS,
  project: { kind: 'embedded', folder },
  onProblem: (message) => console.error(message),
})
