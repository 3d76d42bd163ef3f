// Main memory of a simulation: WORDS words of 32 bits, zero at the start. One access a cycle; with en, rdata is the old word at addr
// from the next cycle on, and byte i of wdata is stored where we[i] is set. Between accesses rdata keeps its value.
// With en and clear, the aligned block of 1024 words (4 KiB) around addr becomes zero in this one cycle, which no real RAM does: it shortens
// the scrub at platform reset, and nothing else uses it.
module sim_ram #(
    parameter WORDS = 1024
) (
    input wire clk,
    input wire en,
    input wire [3:0] we,
    input wire [$clog2(WORDS)-1:0] addr,
    input wire [31:0] wdata,
    input wire clear,
    output reg [31:0] rdata
);
    // The one array that a simulator's user may look into: images are loaded and dumped there, before and after a run.
    reg [31:0] sim_ram_words [0:WORDS-1] /*verilator public_flat_rw*/;

    localparam CLEAR_WORDS = WORDS < 1024 ? WORDS : 1024;

    integer i;
    initial begin
        for (i = 0; i < WORDS; i = i + 1) sim_ram_words[i] = 32'h0;
        rdata = 32'h0;
    end

    always @(posedge clk) begin
        if (en) begin
            rdata <= sim_ram_words[addr];
            // Blocking: nothing but this process touches the array, and rdata has its old word already.
            if (we[0]) sim_ram_words[addr][7:0] = wdata[7:0];
            if (we[1]) sim_ram_words[addr][15:8] = wdata[15:8];
            if (we[2]) sim_ram_words[addr][23:16] = wdata[23:16];
            if (we[3]) sim_ram_words[addr][31:24] = wdata[31:24];
            if (clear) for (i = 0; i < CLEAR_WORDS; i = i + 1) sim_ram_words[(addr & ~(CLEAR_WORDS - 1)) | i] = 32'h0;
        end
    end
endmodule
