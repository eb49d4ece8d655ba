/** OpenAI's codex CLI as a harness. */
import { classifyEnd } from '../classify-failure.ts'
import type { Harness } from '../harness.ts'
import { codexCommand } from './command.ts'
import { createCodexParser } from './parser.ts'

const TRIPLES = { x64: 'x86_64-unknown-linux-musl', arm64: 'aarch64-unknown-linux-musl' }

export const codex: Harness = {
  id: 'codex',
  npmPackage: {
    name: '@openai/codex',
    binary: 'codex',
    programs: Object.entries(TRIPLES)
      .filter(([arch]) => arch === process.arch)
      .map(([arch, triple]) => `node_modules/@openai/codex-linux-${arch}/vendor/${triple}/bin/codex`),
  },
  credentialProviders: ['ai_gateway', 'openai'],
  command: codexCommand,
  createParser: createCodexParser,
  classifyFailure: output => classifyEnd('codex', output, createCodexParser()),
}
