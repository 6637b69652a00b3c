/* A page from the disk may start no worker, and the search is one. Its script runs in a frame instead: the same
   messages to and fro, on the page's own thread. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = (...urls) =>
        Promise.all(
          urls.map(
            (one) =>
              new Promise((loaded) => {
                const script = inside.document.createElement("script");
                script.src = one;
                script.onload = loaded;
                inside.document.body.append(script);
              }),
          ),
        );
      this.ready = inside.importScripts(url);
      this.inside = inside;
    }

    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.inside.frameElement.remove();
    }
  };
}
