import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')

/** A module of documentation; the name is for reports. */
export interface Example {
  readonly name: string
  readonly code: string
}

/**
 * Compiles examples, each a module of its own that imports the generated code from `./generated/` and the
 * views of the running example from `./views.ts`; resolves to what tsc
 * reports, with the names of the examples, empty if all is well.
 */
export async function compileExamples(examples: readonly Example[]): Promise<string> {
  const folder = await mkdtemp(join(ROOT, 'generated/examples-'))
  try {
    const files = examples.map(({ name, code }, index) => ({
      file: `example${index}.ts`,
      name,
      // Without an import or an export it would share its names with the others.
      code: `${code.replaceAll("'./generated/", "'../").replaceAll("'./views.ts'", "'../../examples/views.ts'")}\nexport {}\n`,
    }))
    for (const { file, code } of files) await writeFile(join(folder, file), code)
    const config = { extends: join(ROOT, 'tsconfig.json'), include: ['*.ts'], exclude: [] }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const report = await new Promise<string>((done) => {
      execFile(
        join(ROOT, 'node_modules/.bin/tsc'),
        ['-p', folder, '--pretty', 'false'],
        (_, stdout, stderr) => done(`${stdout}${stderr}`),
      )
    })
    return report.replaceAll(/\S*\bexample(\d+)\.ts/g, (_, index: string) => files[Number(index)]?.name ?? '')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
