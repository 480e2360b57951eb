/** `beamline backup` and `beamline restore` */
import { type Command, Option } from 'commander'
import type { Act } from './cli.ts'
import { CliError, EXIT } from './cli-error.ts'
import type { BackupReport } from './dependencies.ts'
import { counted, timeText } from './look.ts'
import type { Shell } from './shell.ts'

interface DataOption {
  readonly data: string
}

export function addBackupCommands(program: Command, act: Act): void {
  program
    .command('backup <folder>')
    .description(
      'copy the data folder of the embedded log as of one moment, also while it is in use, and check the copy',
    )
    .addOption(dataOption())
    .action(act((shell, destination: string, { data }: DataOption) => backup(shell, destination, data)))
  program
    .command('restore <backup>')
    .description('make a data folder of a backup; the folder must be empty or not there')
    .addOption(dataOption())
    .action(act((shell, source: string, { data }: DataOption) => restore(shell, source, data)))
}

export function dataOption(): Option {
  return new Option('--data <folder>', 'data folder').env('BEAMLINE_DATA').default('.beamline')
}

async function backup(shell: Shell, destination: string, dataFolder: string): Promise<void> {
  const report = await shell.backUp({ dataFolder, destination }).catch((error: unknown) => {
    throw failed(error, 'Choose a new folder; a backup that was cut short can be removed.')
  })
  shell.print(report, `${reportText(report)}\nchecked: every record can be read${elsewhereText(report)}`, [destination])
}

async function restore(shell: Shell, source: string, dataFolder: string): Promise<void> {
  const report = await shell.restore({ source, dataFolder }).catch((error: unknown) => {
    throw failed(error, 'Say where to restore to with --data; what is there is never overwritten.')
  })
  const next = `Start it with \`beamline start --data ${dataFolder}\`${report.partitions === 4 ? '' : ` and \`--set partitions=${report.partitions}\``}.`
  const again = 'What began after the backup was taken is not in it; steps that ran then may run again.'
  shell.print(report, `${reportText(report)}\n${again}\n${next}`, [dataFolder])
}

function failed(error: unknown, hint: string): unknown {
  if (error instanceof CliError) return error
  return new CliError(EXIT.failed, (error as Error).message, hint)
}

function elsewhereText({ blobs }: BackupReport): string {
  if (blobs === undefined || blobs.elsewhere === 0) return ''
  return `\nblobs: ${blobs.elsewhere} of ${blobs.named} that it names are not in the data folder. They lie where blobs.kind or blobs.folder puts them, or went with their runs. Copy that place now; blobs-elsewhere.txt has their hashes.`
}

function reportText({ taken_at_ms, records, partitions, files }: BackupReport): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  const size = bytes < 1 << 20 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`
  return `taken at ${timeText(taken_at_ms)}: ${counted(records, 'record')}, ${counted(partitions, 'partition')}, ${counted(files.length, 'file')}, ${size}`
}
