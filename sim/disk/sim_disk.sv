// Disk of a simulation: the first N sectors of 512 bytes of the file that +disk=FILE +disk_sectors=N names; without the arguments sectors
// is 0: there is no drive. The signals are those of StorageSignature (chipset/devices/storage/port.py). A sector is in the file, as every
// program sees it, before done is told, and was read back: FLUSH finds nothing left to do. A sector whose words reset has cut off is not
// written.
module sim_disk (
    input wire clk,
    input wire reset,
    output reg [27:0] sectors,
    input wire request_valid,
    input wire [1:0] request_op,
    input wire [27:0] request_sector,
    output wire request_ready,
    output wire read_valid,
    output wire [31:0] read_data,
    input wire read_ready,
    input wire write_valid,
    input wire [31:0] write_data,
    output wire write_ready,
    output wire done,
    output reg error
);
    localparam OP_READ = 2'd0, OP_WRITE = 2'd1;
    localparam IDLE = 2'd0, GIVE = 2'd1, TAKE = 2'd2, DONE = 2'd3;
    localparam SECTOR_BYTES = 512, SECTOR_WORDS = 128;
    localparam STEP_SECTORS = 1 << 21;  // a gibibyte: $fseek takes 32 bits

    reg [1:0] state;
    reg [6:0] index;
    reg [27:0] sector;
    reg [7:0] bytes [0:SECTOR_BYTES-1];
    reg [31:0] words [0:SECTOR_WORDS-1];

    string name;
    integer file, code, i;
    initial begin
        state = IDLE;
        index = 7'd0;
        sector = 28'd0;
        error = 1'b0;
        sectors = 28'd0;
        file = 0;
        if ($value$plusargs("disk=%s", name)) begin
            file = $fopen(name, "r+b");
            if (file != 0) code = $value$plusargs("disk_sectors=%d", sectors);
        end
    end

    reg [27:0] left;
    task seek(input [27:0] to);
        begin
            code = $fseek(file, 0, 0);
            for (left = to; left >= STEP_SECTORS; left = left - STEP_SECTORS) code = $fseek(file, STEP_SECTORS * SECTOR_BYTES, 1);
            code = $fseek(file, left * SECTOR_BYTES, 1);
        end
    endtask

    assign request_ready = state == IDLE;
    assign read_valid = state == GIVE;
    assign read_data = words[index];
    assign write_ready = state == TAKE;
    assign done = state == DONE;

    always @(posedge clk) begin
        case (state)
            IDLE: if (request_valid) begin
                sector <= request_sector;
                index <= 7'd0;
                error <= 1'b0;
                state <= DONE;
                if (request_op == OP_READ) begin
                    seek(request_sector);
                    code = $fread(bytes, file);
                    error <= code != SECTOR_BYTES;
                    if (code == SECTOR_BYTES) state <= GIVE;
                    for (i = 0; i < SECTOR_WORDS; i = i + 1)
                        words[i] = {bytes[4 * i + 3], bytes[4 * i + 2], bytes[4 * i + 1], bytes[4 * i]};
                end
                if (request_op == OP_WRITE) state <= TAKE;
            end
            GIVE: if (read_ready) begin
                index <= index + 7'd1;
                if (index == SECTOR_WORDS - 1) state <= DONE;
            end
            TAKE: if (write_valid) begin
                index <= index + 7'd1;
                words[index] = write_data;
                if (index == SECTOR_WORDS - 1) begin
                    seek(sector);
                    for (i = 0; i < SECTOR_WORDS; i = i + 1) $fwrite(file, "%u", words[i]);
                    $fflush(file);
                    seek(sector);
                    code = $fread(bytes, file);
                    error <= code != SECTOR_BYTES;
                    for (i = 0; i < SECTOR_WORDS; i = i + 1)
                        if ({bytes[4 * i + 3], bytes[4 * i + 2], bytes[4 * i + 1], bytes[4 * i]} != words[i]) error <= 1'b1;
                    state <= DONE;
                end
            end
            DONE: state <= IDLE;
        endcase
        if (reset) state <= IDLE;
    end
endmodule
