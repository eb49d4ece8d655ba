/**
 * What the stand-in "model" says next. It plays a two-turn agent: first one shell command, then, once the
 * command's result is in the conversation, a short closing message.
 */

export type Turn = { kind: 'shell'; command: string } | { kind: 'messages'; texts: string[] }

export interface Conversation {
  /** The last text the user sent. */
  prompt: string
  /** The conversation already holds a tool result after that text. */
  hasToolResult: boolean
  /** The request offers a tool that runs shell commands. */
  canRunShell: boolean
}

const DEFAULT_COMMAND = "printf 'hello from the agent\\n' > AGENT.md"

/** `extraMessages` makes the closing turn talk more, one message each, to drive many events through. */
export function nextTurn(conversation: Conversation, extraMessages: number): Turn {
  if (conversation.canRunShell && !conversation.hasToolResult) {
    return { kind: 'shell', command: shellCommandOf(conversation.prompt) }
  }
  const texts = Array.from({ length: extraMessages }, (_, index) => `Note ${index + 1} of ${extraMessages}.`)
  return { kind: 'messages', texts: [...texts, 'Done. The change is in the working tree.'] }
}

/** The command after a line `shell: …` of the prompt, else one that writes `AGENT.md`. */
export function shellCommandOf(prompt: string): string {
  const line = /^[ \t]*shell:[ \t]*(\S.*)$/m.exec(prompt)
  return line?.[1]?.trimEnd() ?? DEFAULT_COMMAND
}

/** Figures in the shape of a real answer's: some of the input was cached, about four characters a token. */
export interface TurnUsage {
  /** All input, the cached part included. */
  input: number
  cached: number
  output: number
  reasoning: number
}

export function usageOf(requestBody: string, answer: string): TurnUsage {
  const input = Math.max(8, Math.ceil(requestBody.length / 4))
  return {
    input,
    cached: Math.floor(input / 2),
    output: Math.max(4, Math.ceil(answer.length / 4)),
    reasoning: 3,
  }
}
