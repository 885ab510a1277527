// What is done when it is time.

/** Where it fails, Lambda tries twice more. The same event may come twice: what is done here must bear that. */
export const handler = async ({ time }) => {
  console.log("it is time", { due: time });
};
