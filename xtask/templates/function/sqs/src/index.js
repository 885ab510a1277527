// What is done with the messages of the queue.

/**
 * Works off a batch. A message that fails comes back alone, and after five times is kept with the dead letters; the
 * others of its batch are done with.
 */
export const handler = async ({ Records }) => {
  const batchItemFailures = [];
  for (const message of Records) {
    try {
      await workOff(message);
    } catch (error) {
      console.error("a message failed", { message: message.messageId, error: String(error) });
      batchItemFailures.push({ itemIdentifier: message.messageId });
    }
  }
  return { batchItemFailures };
};

/** The same message may come twice: what is done here must bear that. */
const workOff = async ({ body }) => {
  const { id } = JSON.parse(body);
  console.log("worked off", { order: id });
};
