/** Anthropic's claude CLI as a harness. */
import { classifyEnd } from '../classify-failure.ts'
import type { Harness } from '../harness.ts'
import { claudeCodeCommand } from './command.ts'
import { createClaudeCodeParser } from './parser.ts'

export const claudeCode: Harness = {
  id: 'claude-code',
  npmPackage: {
    name: '@anthropic-ai/claude-code',
    binary: 'claude',
    // npm installs the one that fits the host's C library.
    programs: ['', '-musl'].map(
      libc => `node_modules/@anthropic-ai/claude-code-linux-${process.arch}${libc}/claude`,
    ),
  },
  credentialProviders: ['ai_gateway', 'anthropic'],
  command: claudeCodeCommand,
  createParser: createClaudeCodeParser,
  classifyFailure: output => classifyEnd('claude', output, createClaudeCodeParser()),
}
